"""Numbers from volumes: maps and measures that no header states."""

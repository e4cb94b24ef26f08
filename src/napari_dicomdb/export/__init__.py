"""Back out of the database: copies of files, and objects written from results."""

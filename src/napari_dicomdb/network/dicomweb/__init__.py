"""DICOMweb as a client: search (QIDO-RS), retrieve (WADO-RS), store (STOW-RS)."""

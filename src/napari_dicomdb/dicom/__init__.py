"""What one DICOM object says: header, values, geometry, pixels. Knows no database."""

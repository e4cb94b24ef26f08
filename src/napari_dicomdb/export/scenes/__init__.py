"""What scenes are made of: values, arrays, references to DICOM, measurements."""

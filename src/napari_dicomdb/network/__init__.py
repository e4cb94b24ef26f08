"""Other computers that keep DICOM: which there are, whether they answer, sending to them."""

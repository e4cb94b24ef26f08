"""Images and maps: values as stored, axes as attributes, planes as frames of objects."""

"""One module per kind of loader; each is found by its entry point (see `loading.registry`)."""

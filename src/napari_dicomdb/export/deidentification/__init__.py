"""De-identified copies by PS3.15 annex E: the Basic Profile and its options.

`profile` says what is asked for, `table` what the standard says of each attribute,
`engine` changes a data set, `pixels` blacks out, `running` does it for files.
"""

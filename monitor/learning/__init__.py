"""What an office's own history teaches: a label for a text, learnt from labelled rows. Values in, values out; no files, no clock."""

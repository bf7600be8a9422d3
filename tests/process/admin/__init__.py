"""The process as an operator meets it: files, signals, limits, figures."""

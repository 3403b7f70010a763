"""RANC's files: read, checked, written, and carried over to crossbar cores and back."""

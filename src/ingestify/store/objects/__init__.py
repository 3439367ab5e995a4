"""The files in the storage: their paths, compression, and how they are written."""

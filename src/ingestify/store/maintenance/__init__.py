"""The lake is verified, repaired, cleared of what nothing names, and copied into another."""

"""Do the rows agree, which are repaired, and which objects lost theirs."""

"""Each kind of database's own words: what of a statement is written differently there."""

"""How each kind of database is connected to, and how its transactions begin."""

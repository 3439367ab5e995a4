"""How a database is reached, what its errors mean, and where kinds of databases differ."""

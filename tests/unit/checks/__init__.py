"""Is this file what it says it is: real files, and broken specimens of each kind."""

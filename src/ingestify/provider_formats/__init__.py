"""The formats in which providers deliver, as kloppy reads them: which feeds there are, and what must hold of them."""

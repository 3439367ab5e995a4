"""The functions that make rows. Each gets a `TableInput` and a `TableDefinition`, and returns frames of polars.

- matches: one row for each dataset.
- events, lineups, tracking, freeze_frames: what kloppy makes of the datasets of all providers, on one pitch.
- sportec_tracking: the tracking of a provider whose matches are too large for kloppy's objects.
- flat: a provider's own fields of a feed; xml_records: those of XML.
- pitch: the coordinates of all tables.
- people: ids and names of teams and players.
"""

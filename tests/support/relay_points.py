"""The failpoints of `ingestify publish`. The others that are named `publish.` are of files that get their names."""

RELAY_POINTS = ("publish.sent", "publish.acknowledged", "publish.cursor_saved")

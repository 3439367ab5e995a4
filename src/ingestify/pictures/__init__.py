"""Pictures of matches and lakes: plain values in, SVG out.

`match_values` says what a match is for a picture; `statsbomb` and `kloppy_match` read it. `shot_map`, `xg_race` and the
others draw it, and return a `Picture`.
"""

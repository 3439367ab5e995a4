"""Invented matches in the format of StatsBomb's open data.

- squads: clubs and people.
- match_events: plays a match, over match_sheet (line-ups), match_writer (one event after the other) and shots.
- freeze_frames: the 360 file of a match.
- tracking: some minutes of a match in SkillCorner's format.
- vocabulary: the numbered names of StatsBomb's events.
"""

"""Maintenance of a lake, above the store itself.

- `verification`: compares objects with rows; `object_check`: one object with its row.
- `repair`: from other copies, from other rows, or from the provider.
- `garbage`: removes orphaned objects and old history.
- `copying`: mirrors datasets into another lake; `object_copy`: their objects; `entry_copying`: quarantine entries;
  `copied`: the outcome.
- `adoption`: takes over a lake of the published package; `adopted_objects`: reads its objects.
"""

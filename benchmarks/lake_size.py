"""How much room event JSON takes in the lake, by the setting `compression`."""

from __future__ import annotations

import argparse

from setting import provider, season_config, table, work_folder

from ingestify import get_engine


def main() -> None:
    """Print one table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rows = []
    with provider(matches=120, events_per_match=4200, matches_with_360=0) as url:
        for method in ("zstd", "gzip", "none"):
            with work_folder() as folder:
                with get_engine(season_config(folder, url, compression=method)) as engine:
                    engine.load()
                    totals = engine.store.totals()
                on_disk = sum(path.stat().st_size for path in folder.glob("**/*") if path.is_file())
            raw, stored = totals["size_bytes"], totals["storage_bytes"]
            rows.append(
                [
                    method,
                    f"{raw / 1e6:.0f} MB",
                    f"{stored / 1e6:.1f} MB",
                    f"{100 * stored / raw:.1f} %",
                    f"{100 * on_disk / raw:.1f} %",
                ]
            )
    head = ["compression", "provider's bytes", "in the lake", "share", "with the catalogue"]
    table("Lake size (aim: ≤ 12 % of raw)", head, rows)


if __name__ == "__main__":
    main()

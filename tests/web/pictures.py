"""The pictures of the README: what a screen shows first of some pages, small, from those that `make screenshots` drew."""

from pathlib import Path

from PIL import Image

FROM, TO = Path("screenshots"), Path("docs/pictures")
DESK, PHONE = (1366, 860), (390, 844)
CHOSEN = {
    "oversight.zh.desk": (1366, 622), "case.zh.desk": DESK, "report-what.zh.phone": PHONE,
    "report-receipt.zh.phone": PHONE, "tasks-mine.zh.phone": PHONE,
}  # fmt: skip
MOST = 150_000


def main() -> None:
    """Cut, and small enough to be kept with the code; SystemExit where one is not."""
    TO.mkdir(exist_ok=True)
    for name, (width, height) in CHOSEN.items():
        with Image.open(FROM / f"{name}.png") as drawn:
            drawn.convert("RGB").crop((0, 0, width, min(height, drawn.height))).save(
                TO / f"{name}.webp", quality=82, method=6
            )
        if (size := (TO / f"{name}.webp").stat().st_size) > MOST:
            raise SystemExit(f"{name} is too large: {size} bytes")


if __name__ == "__main__":
    main()

#!/usr/bin/env python3
"""Makes every bitmap in this folder from icon.svg and tray/*.svg. Needs rsvg-convert (Debian: librsvg2-bin)."""

import pathlib
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
STATES = ("idle", "working", "waiting", "paused", "failed")
# The panel's colour is not ours to know: one drawing in light ink for dark panels, one in dark ink for light ones.
INKS = {"light": "#f4f4f2", "dark": "#26272b"}


def png(svg: str, size: int) -> bytes:
    command = ["rsvg-convert", "--format=png", f"--width={size}", f"--height={size}"]
    return subprocess.run(command, input=svg.encode(), stdout=subprocess.PIPE, check=True).stdout


def ico(images: dict[int, bytes]) -> bytes:
    """An ICO whose entries are PNG files (as Windows Vista and later read them); 256 is written as 0."""
    head, body = struct.pack("<HHH", 0, 1, len(images)), b""
    offset = len(head) + 16 * len(images)
    for size, data in images.items():
        head += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(data), offset + len(body))
        body += data
    return head + body


def icns(images: dict[str, bytes]) -> bytes:
    """An ICNS of PNG entries, each under the type that stands for its size."""
    body = b"".join(kind.encode() + struct.pack(">I", 8 + len(data)) + data for kind, data in images.items())
    return b"icns" + struct.pack(">I", 8 + len(body)) + body


def main() -> None:
    app = (HERE / "icon.svg").read_text()
    sizes = {size: png(app, size) for size in (16, 24, 32, 48, 64, 128, 256, 512, 1024)}
    for name, size in {"32x32": 32, "64x64": 64, "128x128": 128, "128x128@2x": 256, "icon": 512}.items():
        (HERE / f"{name}.png").write_bytes(sizes[size])
    (HERE / "icon.ico").write_bytes(ico({size: sizes[size] for size in (16, 24, 32, 48, 64, 256)}))
    kinds = {"ic07": 128, "ic08": 256, "ic09": 512, "ic10": 1024, "ic11": 32, "ic12": 64, "ic13": 256, "ic14": 512}
    (HERE / "icon.icns").write_bytes(icns({kind: sizes[size] for kind, size in kinds.items()}))
    for state in STATES:
        drawing = (HERE / "tray" / f"{state}.svg").read_text()
        for ink, colour in INKS.items():
            for size in (22, 44):
                (HERE / "tray" / f"{state}-{ink}-{size}.png").write_bytes(png(drawing.replace("currentColor", colour), size))


if __name__ == "__main__":
    main()

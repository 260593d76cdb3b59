from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import exifread
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms, ImageOps, ImageSequence, PngImagePlugin

from visop.errors import ImageDecodeError
from visop.images.decode import ImageLimits
from visop.images.metadata.without import without_metadata
from visop.settings import Settings

LIMITS = ImageLimits.of(Settings())
SECRET = b"SECRET-PLACE"
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><exif:GPSLatitude>' + SECRET + b"</exif:GPSLatitude></x:xmpmeta>"
ORIENTATION = 6


def exif() -> bytes:
    """With a place, a note of the maker and, behind it all, what could be a thumbnail."""
    record = Image.Exif()
    record[ExifTags.Base.Orientation] = ORIENTATION
    record[ExifTags.Base.Artist] = SECRET.decode()
    record.get_ifd(ExifTags.IFD.GPSInfo).update({1: "N", 2: (48.0, 8.0, 1.0), 29: "2024:01:01"})
    record.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.MakerNote] = SECRET
    return record.tobytes() + SECRET


def picture() -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 255, (24, 40, 3), np.uint8)
    return Image.fromarray(noise)


def saved(kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture().save(file, kind, **options)
    return file.getvalue()


def segment(kind: int, body: bytes) -> bytes:
    return bytes([0xFF, kind]) + struct.pack(">H", len(body) + 2) + body


def jpeg(**options: object) -> bytes:
    """With metadata in every place that there is, also between the scans, and a video behind it."""
    whole = saved("JPEG", exif=exif(), icc_profile=ICC, comment=SECRET, xmp=XMP, **options)
    iptc = segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x0c" + SECRET)
    others = iptc + segment(0xE2, b"MPF\0" + SECRET) + segment(0xE0, b"JFXX\0\x13" + SECRET) + segment(0xEF, SECRET)
    last_scan = whole.rindex(b"\xff\xda")
    return whole[:2] + others + whole[2:last_scan] + segment(0xFE, SECRET) + whole[last_scan:] + b"ftypmp42" + SECRET


def mpo() -> bytes:
    return saved("MPO", save_all=True, append_images=[picture()], exif=exif(), icc_profile=ICC) + SECRET


def png() -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Location", SECRET.decode())
    texts.add_text("Comment", SECRET.decode(), zip=True)
    texts.add_itxt("XML:com.adobe.xmp", XMP.decode())
    whole = saved("PNG", exif=exif(), icc_profile=ICC, pnginfo=texts)
    chunk = b"prVt" + SECRET
    private = struct.pack(">L", len(SECRET)) + chunk + struct.pack(">L", zlib.crc32(chunk))
    return whole[:-12] + private + whole[-12:] + SECRET


def webp(**options: object) -> bytes:
    return saved("WEBP", exif=exif(), icc_profile=ICC, xmp=XMP, **options) + SECRET


def animation(kind: str) -> bytes:
    file = io.BytesIO()
    frames = [picture(), ImageOps.mirror(picture())]
    more = {"comment": SECRET} if kind == "GIF" else {"exif": exif(), "xmp": XMP, "lossless": True}
    frames[0].save(file, kind, save_all=True, append_images=frames[1:], duration=100, loop=3, **more)
    return file.getvalue() + SECRET


FILES: dict[str, Callable[[], bytes]] = {
    "jpeg": jpeg,
    "jpeg-progressive": lambda: jpeg(progressive=True),
    "jpeg-restarts": lambda: jpeg(restart_marker_blocks=1),
    "mpo": mpo,
    "png": png,
    "webp": webp,
    "webp-lossless": lambda: webp(lossless=True),
    "webp-animation": lambda: animation("WEBP"),
    "gif": lambda: animation("GIF"),
}


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_nothing_but_the_picture_is_left(make: Callable[[], bytes]) -> None:
    before = make()
    after = without_metadata(before, LIMITS)
    assert SECRET in before
    assert SECRET not in after
    assert not [tag for tag in exifread.process_file(io.BytesIO(after)) if "GPS" in tag or "Thumbnail" in tag]
    one, other = opened(before), opened(after)
    assert np.array_equal(np.asarray(one), np.asarray(other))
    assert one.getexif().get(ExifTags.Base.Orientation) == other.getexif().get(ExifTags.Base.Orientation)
    assert one.info.get("icc_profile") == other.info.get("icc_profile")
    assert set(other.getexif()) <= {ExifTags.Base.Orientation}
    assert not {"comment", "xmp", "Location", "mp"} & set(other.info)


@pytest.mark.parametrize("kind", ["WEBP", "GIF"])
def test_an_animation_keeps_its_frames_and_times(kind: str) -> None:
    before = animation(kind)
    after = without_metadata(before, LIMITS)
    assert opened(after).info["loop"] == 3
    one, other = (ImageSequence.all_frames(opened(data)) for data in (before, after))
    assert (len(one), len(other)) == (2, 2)
    for frame, kept in zip(one, other, strict=True):
        assert np.array_equal(np.asarray(frame), np.asarray(kept))
        assert frame.info.get("duration") == kept.info.get("duration")


def test_no_thumbnail_of_jfif_is_left() -> None:
    whole = saved("JPEG")
    jfif = segment(0xE0, whole[6:18] + b"\1\1" + SECRET[:3])
    after = without_metadata(whole[:2] + jfif + whole[20:], LIMITS)
    assert SECRET[:3] not in after
    assert after[:20] == whole[:20]


def test_metadata_that_are_none_change_no_byte() -> None:
    for kind in ("JPEG", "PNG", "WEBP", "GIF"):
        assert without_metadata(saved(kind), LIMITS) == saved(kind)


@pytest.mark.parametrize("kind", ["TIFF", "BMP", "AVIF"])
def test_other_formats_become_pngs_of_what_is_shown(kind: str) -> None:
    before = saved(kind, **({} if kind == "BMP" else {"exif": exif()})) + SECRET
    after = without_metadata(before, LIMITS)
    assert SECRET not in after
    assert (opened(after).format, dict(opened(after).getexif())) == ("PNG", {})
    assert not exifread.process_file(io.BytesIO(after))


@pytest.mark.parametrize(
    "data",
    [jpeg()[:700], png()[:60], webp()[:200], b"GIF89a", b"RIFF\0\0\0\0WEBP", b"\xff\xd8\xff", b""],
    ids=["JPEG", "PNG", "WEBP", "GIF", "no WEBP", "no JPEG", "nothing"],  # the profile has the time in it
)
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(ImageDecodeError):
        without_metadata(data, LIMITS)

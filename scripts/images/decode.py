"""Pictures: a file's bytes judged and decoded, made square, encoded for the cache.

A picture that cannot be had or trusted is `bad` with its reason; nothing ever takes its place.
"""

import hashlib
import io
import warnings
from contextlib import contextmanager
from functools import cache

import numpy as np

FORMATS = (
    "JPEG",
    "MPO",
    "PNG",
    "GIF",
    "WEBP",
    "AVIF",
    "BMP",
    "TIFF",
    "JPEG2000",
    "PPM",
)  # not EPS: PIL runs Ghostscript on it
UNUSUAL = {
    "CMYK": "CMYK",
    "I": "16-bit",
    "F": "float",
}  # PIL modes, without what stands behind a semicolon
TURNED = 0x0112  # EXIF's orientation, and what makes each of them upright
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}

warnings.filterwarnings(
    "ignore", module=r"PIL\."
)  # on sizes and metadata; catch_warnings would not be for threads


@cache
def fast_jpeg():
    """The module simplejpeg; None where it is not installed: PIL and OpenCV give the same pictures,
    a little slower."""
    try:
        import simplejpeg
    except ImportError:
        return None
    return simplejpeg


@cache
def opencv():
    """The module cv2 in one thread: there is a picture per thread here, and its own would only
    fight over the cores."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


@cache
def known_formats() -> tuple[str, ...]:
    """Those of FORMATS that this PIL opens: AVIF is new in 11.3."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def load_picture(data: bytes, images) -> tuple:
    """RGB PIL image of a file's bytes, upright, and its width and height there. Raises ValueError
    with the reason when it is broken or not what config `images` takes.

    A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where no side falls below images.size by that.
    simplejpeg and PIL give the same levels then, to the last bit where both come with
    libjpeg-turbo, as their wheels do; allowed are .5 in the mean and 3 in 99.9 %.
    """
    from PIL import Image

    most = min(
        images.max_megapixels, 2 * Image.MAX_IMAGE_PIXELS / 1e6
    )  # over 179 PIL itself opens nothing
    with naming_what_breaks(most):
        picture = Image.open(io.BytesIO(data), formats=known_formats())  # the header alone
        width, height = picture.size
        unusual = "" if images.convert else what_is_unusual(picture)
    if width * height > most * 1e6:
        raise ValueError(f"{width}x{height} is over {most:g} megapixels")
    if min(width, height) < images.min_side:
        raise ValueError(f"{width}x{height} is under {images.min_side} pixels")
    if unusual:
        raise ValueError(f"{unusual}; images.convert=true takes it")
    with naming_what_breaks(most):
        rgb = decode_jpeg(data, picture, images.size) or decode(picture, images.size)
        return turn_upright(rgb, picture), (width, height)


@contextmanager
def naming_what_breaks(most: float):
    """Whatever PIL raises becomes a ValueError in one line: broken bytes make it OSError,
    SyntaxError, TypeError, struct.error, ..."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except MemoryError:  # the machine's fault
        raise
    except UnidentifiedImageError:
        raise ValueError("broken: no picture") from None  # PIL's words name an address in memory
    except Image.DecompressionBombError:
        raise ValueError(f"its header says it is over {most:g} megapixels") from None
    except Exception as error:
        raise ValueError(f"broken: {' '.join(str(error).split())[:80]}") from None


def what_is_unusual(picture) -> str:
    """ "CMYK", "16-bit", "float" or "animated" of an opened PIL image; "" of all others."""
    frames = (
        1 if picture.format == "MPO" else getattr(picture, "n_frames", 1)
    )  # a phone's JPEG with a preview behind it
    return "animated" if frames > 1 else UNUSUAL.get(picture.mode.split(";")[0], "")


def decode_jpeg(data: bytes, picture, size: int):
    """RGB PIL image by simplejpeg; None where PIL is to decode it: other formats, CMYK, and
    whatever simplejpeg stumbles over.

    So it is PIL alone that says what is broken. It is asked for the sizes of PIL's draft: at 3/8,
    5/8 or 7/8, which it has too, it is no faster, and further from the picture at full size (5
    levels in the mean against 1, of 1500 pixels at 512).
    """
    from PIL import Image

    if (
        fast_jpeg() is None
        or picture.format not in ("JPEG", "MPO")
        or picture.mode not in ("RGB", "L")
    ):
        return None
    width, height = picture.size
    part = next((part for part in (8, 4, 2) if min(width, height) // part >= size), 1)
    try:
        return Image.fromarray(
            fast_jpeg().decode_jpeg(
                data, min_width=-(-width // part), min_height=-(-height // part)
            )
        )
    except ValueError:
        return None


def decode(picture, size: int):
    """RGB PIL image by PIL: the first frame, grey of any range as 8 bits, and white behind what is
    transparent."""
    from PIL import Image

    picture.draft("RGB", (size, size))
    picture.load()
    if picture.mode[0] in "IF":
        return Image.fromarray(to_levels(np.asarray(picture))).convert("RGB")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    rgba, white = picture.convert("RGBA"), Image.new("RGB", picture.size, "white")
    white.paste(rgba, mask=rgba)
    return white


def to_levels(grey: np.ndarray) -> np.ndarray:
    """uint8 (h, w) of grey values (h, w) in 16 or 32 bits: of 65535 for integers; of 1, 255 or
    65535 for floats, the first that holds them; where none does, of their own range. What is no
    finite number is black."""
    tops = (65535,) if np.issubdtype(grey.dtype, np.integer) else (1, 255, 65535)
    grey = np.nan_to_num(grey.astype(np.float32), copy=False, posinf=0, neginf=0)
    low, high = float(grey.min()), float(grey.max())
    low, high = next(((0.0, top) for top in tops if low >= 0 and high <= top), (low, high))
    grey -= low  # in place: 64 megapixels are 256 MB
    grey *= 255 / (high - low or 1)
    return np.rint(grey, out=grey).astype(np.uint8)


def turn_upright(rgb, picture):
    """The decoded image turned as EXIF of the file says; as it is where that cannot be read."""
    from PIL import Image

    try:
        turn = TURNS.get(picture.getexif().get(TURNED))
    except (
        Exception
    ):  # metadata that phones and editors mangled raises anything, and the picture is good
        turn = None
    return rgb.transpose(Image.Transpose[turn]) if turn else rgb


def perceptual_hash(picture) -> tuple[str, np.ndarray]:
    """What tells near-duplicates of an RGB PIL image: its average hash, 16 hex digits, a bit for
    each of 8x8 fields that is lighter than the whole; and the fields' mean colours (192,) int16."""
    from PIL import Image

    small = picture.resize((8, 8), Image.Resampling.BOX)
    grey = np.asarray(small.convert("L"), float).ravel()
    return np.packbits(grey > grey.mean()).tobytes().hex(), np.asarray(small, np.int16).ravel()


def validate(data: bytes, images) -> tuple[bytes, dict]:
    """What the cache keeps of a file's bytes, and its row: status (ok, bad), reason, width, height,
    sha256 of the bytes, hash and colours by `look` (colours: 192 levels as 384 hex digits).

    Kept is a JPEG of images.quality, or 3 size² plain uint8 when that is 0; nothing when the
    picture is bad or images.cache is false.
    """
    row = {
        "status": "bad",
        "reason": "",
        "width": 0,
        "height": 0,
        "sha256": hashlib.sha256(data).hexdigest(),
        "hash": "",
        "colours": "",
    }
    try:
        picture, (width, height) = load_picture(data, images)
    except ValueError as error:
        return b"", row | {"reason": str(error)}
    hash, colours = perceptual_hash(picture)
    row |= {
        "status": "ok",
        "width": width,
        "height": height,
        "hash": hash,
        "colours": colours.astype(np.uint8).tobytes().hex(),
    }
    return encode(to_square(picture, images), images.quality) if images.cache else b"", row


def to_square(picture, images) -> np.ndarray:
    """uint8 (size, size, 3) of an RGB PIL image: stretched, or padded with grey.

    Shrunk by areas in OpenCV, at 0.4 megapixels 1.8 ms against 3.2 of PIL's bicubic, .4 levels from
    it; enlarged by PIL's bicubic.
    """
    from PIL import Image

    size, (width, height) = images.size, picture.size
    if images.fit == "pad":
        width, height = (max(1, round(side * size / max(picture.size))) for side in picture.size)
    else:
        width = height = size
    if picture.size == (width, height):
        inner = np.asarray(picture)
    elif width <= picture.width and height <= picture.height:
        inner = opencv().resize(
            np.asarray(picture), (width, height), interpolation=opencv().INTER_AREA
        )
    else:
        inner = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
    if width == height:
        return inner
    square, left, top = (
        np.full((size, size, 3), 128, np.uint8),
        (size - width) // 2,
        (size - height) // 2,
    )
    square[top : top + height, left : left + width] = inner
    return square


def encode(square: np.ndarray, quality: int) -> bytes:
    """JPEG of uint8 (size, size, 3), its colours at full resolution from quality 90 up; the plain
    levels for quality 0."""
    from PIL import Image

    if quality == 0:
        return square.tobytes()
    colours = "4:4:4" if quality >= 90 else "4:2:0"
    if fast_jpeg():
        return fast_jpeg().encode_jpeg(
            np.ascontiguousarray(square),
            quality,
            colorsubsampling=colours.replace(":", ""),
            fastdct=False,
        )
    buffer = io.BytesIO()
    Image.fromarray(square).save(buffer, "JPEG", quality=quality, subsampling=colours)
    return buffer.getvalue()

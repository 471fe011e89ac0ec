"""A file's bytes become an upright RGB image, or the reason why they cannot.

in: the bytes of a PNG → out: PIL image, (width, height)
A broken image is an error with its reason; nothing ever takes its place.
"""

import io
import warnings
from contextlib import contextmanager
from functools import cache

import numpy as np

# Not EPS: PIL runs Ghostscript on it.
FORMATS = ("JPEG", "MPO", "PNG", "GIF", "WEBP", "AVIF", "BMP", "TIFF", "JPEG2000", "PPM")
ORIENTATION = 0x0112  # EXIF tag; 1 = upright
# {orientation: what makes the image upright}
TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}

# PIL warns of sizes and metadata. Not catch_warnings: that is not for threads.
warnings.filterwarnings("ignore", module=r"PIL\.")


@cache
def fast_jpeg():
    """The module simplejpeg, or None where it is not installed: PIL and OpenCV give the same
    images, a little slower."""
    try:
        import simplejpeg
    except ImportError:
        return None

    return simplejpeg


@cache
def opencv():
    """The module cv2 with one thread: there is a thread per image here already."""
    import cv2

    cv2.setNumThreads(1)
    return cv2


@cache
def known_formats() -> tuple[str, ...]:
    """Those of FORMATS that this PIL opens: AVIF is new in 11.3."""
    from PIL import Image

    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)


def load_image(data: bytes, images, size: int | None = None) -> tuple:
    """(RGB PIL image of a file's bytes, upright; (width, height) in the file).

    Raises ValueError with the reason when the file is broken, or not within the limits of section
    `images`. A JPEG is decoded at 1/2, 1/4 or 1/8 of its size where no side falls below `size` by
    that (None: images.size). simplejpeg and PIL then give the same levels: to the last bit where
    both come with libjpeg-turbo, as their wheels do; allowed are 0.5 in the mean and 3 in 99.9 %.
    """
    from PIL import Image

    size = size or images.size

    # PIL itself refuses what is over 179 megapixels.
    limit = min(images.max_megapixels, 2 * Image.MAX_IMAGE_PIXELS / 1e6)
    with pil_errors_as_reasons(limit):
        file = io.BytesIO(data)
        image = Image.open(file, formats=known_formats())  # reads the header alone

    width, height = image.size
    megapixels = width * height / 1e6
    if megapixels > limit:
        raise ValueError(f"{width}x{height} is over {limit:g} megapixels")

    if min(width, height) < images.min_side:
        raise ValueError(f"{width}x{height} is under {images.min_side} pixels")

    with pil_errors_as_reasons(limit):
        rgb = decode_jpeg(data, image, size) or decode(image, size)
        upright = turn_upright(rgb, image)

    return upright, (width, height)


@contextmanager
def pil_errors_as_reasons(limit: float):
    """Whatever PIL raises becomes a ValueError of one line: broken bytes make it raise OSError,
    SyntaxError, TypeError, struct.error, ..."""
    from PIL import Image, UnidentifiedImageError

    try:
        yield
    except MemoryError:  # the machine's fault, not the file's
        raise
    except UnidentifiedImageError:  # its text names an address in memory
        raise ValueError("broken: no image") from None
    except Image.DecompressionBombError:
        raise ValueError(f"its header says it is over {limit:g} megapixels") from None
    except Exception as error:
        why = " ".join(str(error).split())
        raise ValueError(f"broken: {why[:80]}") from None


def decode_jpeg(data: bytes, image, size: int):
    """RGB PIL image by simplejpeg; None where PIL is to decode it: other formats, CMYK, and what
    simplejpeg fails on, so that PIL alone says what is broken.

    It is asked for the sizes that PIL's draft has. At 3/8, 5/8 or 7/8, which it has too, it is no
    faster, and further from the image at full size (5 levels in the mean against 1, of 1500 pixels
    at 512).
    """
    from PIL import Image

    is_jpeg = image.format in ("JPEG", "MPO") and image.mode in ("RGB", "L")
    if not is_jpeg or fast_jpeg() is None:
        return None

    width, height = image.size
    scale = 1

    for divisor in (2, 4, 8):
        if min(width, height) // divisor >= size:
            scale = divisor

    try:
        levels = fast_jpeg().decode_jpeg(
            data,
            min_width=-(-width // scale),  # rounded up
            min_height=-(-height // scale),
        )
    except ValueError:
        return None

    return Image.fromarray(levels)


def decode(image, size: int):
    """RGB PIL image by PIL: of an animation the first frame, grey of any range as 8 bits, and white
    behind what is transparent."""
    from PIL import Image

    image.draft("RGB", (size, size))
    image.load()

    if image.mode[0] in "IF":  # grey of 16 or 32 bits
        return Image.fromarray(to_levels(np.asarray(image))).convert("RGB")

    if not image.has_transparency_data:
        return image.convert("RGB")

    rgba = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(rgba, mask=rgba)
    return white


def to_levels(grey: np.ndarray) -> np.ndarray:
    """Grey values (h, w) of 16 or 32 bits as uint8 (h, w). What is no finite number is black."""
    is_integer = np.issubdtype(grey.dtype, np.integer)
    levels = grey.astype(np.float32)

    # in place from here on: 64 megapixels are 256 MB
    np.nan_to_num(levels, copy=False, posinf=0, neginf=0)
    low = float(levels.min())
    high = float(levels.max())
    black, white = grey_range(low, high, is_integer)
    levels -= black
    spread = white - black or 1
    levels *= 255 / spread
    np.rint(levels, out=levels)
    return levels.astype(np.uint8)


def grey_range(low: float, high: float, is_integer: bool) -> tuple[float, float]:
    """(black, white) of grey values that lie between low and high: white is 65535 for integers, and
    the first of 1, 255 and 65535 that holds them for floats; else their own range."""
    whites = (65535,) if is_integer else (1, 255, 65535)
    if low >= 0:
        for white in whites:
            if high <= white:
                return 0.0, white

    return low, high


def turn_upright(rgb, image):
    """The decoded RGB image turned as the EXIF of its file says; as it is without readable EXIF."""
    from PIL import Image

    try:
        turn = TURNS.get(image.getexif().get(ORIENTATION))
    except Exception:  # mangled metadata raises anything, and the image is good
        turn = None

    return rgb.transpose(Image.Transpose[turn]) if turn else rgb

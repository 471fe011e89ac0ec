"""An image as the `data:` URL that an OpenAI-compatible server takes."""

import base64
import io

from images.decode import ORIENTATION, load_image

PREFIX = "data:image/jpeg;base64,"


def load_data_url(image_files, name: str, images, max_pixels: int) -> tuple[str, str]:
    """(data URL of a JPEG, "") of the named image, or ("", reason) where it cannot be used.

    A file's own bytes are sent where they are an upright JPEG of at most max_pixels; any other
    image is made smaller and written as a JPEG. images: section Images of the config.
    """
    from PIL import Image

    # images.size is a network's square; no JPEG may be decoded at less than max_pixels here
    size = int(max_pixels**0.5) + 1

    try:
        data = image_files.read(name)
        image, (width, height) = load_image(data, images, size)

        is_small = width * height <= max_pixels
        if is_upright_jpeg(data) and is_small:
            return to_url(data), ""
    except (ValueError, OSError) as error:
        return "", f"image: {error}"

    n_pixels = image.width * image.height
    scale = min(1, (max_pixels / n_pixels) ** 0.5)
    shape = [max(1, int(side * scale)) for side in image.size]
    image = image.resize(shape, Image.Resampling.LANCZOS)
    return encode_jpeg(image), ""


def is_upright_jpeg(data: bytes) -> bool:
    """Whether a file is a JPEG in grey or RGB that EXIF does not turn."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as header:
        if header.format != "JPEG" or header.mode not in ("RGB", "L"):
            return False

        exif = header.getexif()
        return exif.get(ORIENTATION, 1) == 1


def encode_jpeg(image) -> str:
    """The data URL of a PIL image, as a JPEG whose small print stays legible."""
    data = io.BytesIO()
    image.save(data, "JPEG", quality=95, subsampling=0)
    return to_url(data.getvalue())


def to_url(data: bytes) -> str:
    """The data URL of a JPEG's bytes."""
    return PREFIX + base64.b64encode(data).decode()

"""TITLE

CONTENTS

Written by `make kernels`; `kaggle kernels push -p <this folder>` runs it. It needs nothing but this
file and what is attached: the data, weights and wheels; where some are missing, its first lines
list them. The toolkit is unpacked to .toolkit in the working folder and removed at the end.
"""

import base64
import io
import os
import shutil
import sys
import time
import zipfile
from pathlib import Path

KERNEL = {}
TOOLKIT = ""  # scripts/, configs/, Makefile: a zip in base64

if __name__ == "__main__":
    os.environ["MAKE_STARTED"] = str(int(time.time()))  # the time limit counts from here
    toolkit = Path(os.environ.get("working_path") or "/kaggle/working").resolve() / ".toolkit"
    shutil.rmtree(toolkit, ignore_errors=True)
    archive = io.BytesIO(base64.b64decode(TOOLKIT))
    zipfile.ZipFile(archive).extractall(toolkit)
    sys.path.insert(0, str(toolkit / "scripts"))
    try:
        from kernels import session
        from pipeline.stops import run

        run(lambda: session.work(KERNEL, toolkit))
    finally:
        shutil.rmtree(toolkit, ignore_errors=True)

"""TITLE

CONTENTS

Written by `make kernels`; `kaggle kernels push -p <this folder>` runs it. All that it needs stands
in this file or is attached to it: the data, the weights and wheels that its first lines list when
they are not there. It stops by itself before Kaggle's time is over (run.time_limit in KERNEL); what
it made is its output. To go on, attach that output to it ("ID" into kernel_sources in
kernel-metadata.json) and push again. The toolkit is unpacked to .toolkit in the working folder and
removed at the end.
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
    zipfile.ZipFile(io.BytesIO(base64.b64decode(TOOLKIT))).extractall(toolkit)
    sys.path.insert(0, str(toolkit / "scripts"))
    try:
        from kernels import session
        from pipeline.stops import run

        run(lambda: session.work(KERNEL, toolkit))
    finally:
        shutil.rmtree(toolkit, ignore_errors=True)

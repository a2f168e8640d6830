# llama_cpp.py - the source of llama.cpp, as the Python package llama-cpp-python carries it.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
import shutil
import subprocess
import sys
import tempfile

PACKAGE = "llama-cpp-python"
VERSION = "0.3.36"


def source(work):
    """The folder of llama.cpp's source under `work`; fetched by pip (77 MB) when it is not there."""
    folder = work / f"llama_cpp_python-{VERSION}" / "vendor" / "llama.cpp"
    if folder.exists():
        return folder
    work.mkdir(parents=True, exist_ok=True)
    archive = work / f"llama_cpp_python-{VERSION}.tar.gz"
    if not archive.exists():
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", PACKAGE,
                        f"{PACKAGE}=={VERSION}", "-d", work], check=True)
    # Unpacked beside its place, so that an interrupted run leaves no half of it.
    partial = tempfile.mkdtemp(dir=work)
    subprocess.run(["tar", "-C", partial, "-xf", archive], check=True)
    shutil.move(f"{partial}/{archive.name[: -len('.tar.gz')]}", work)
    shutil.rmtree(partial)
    return folder

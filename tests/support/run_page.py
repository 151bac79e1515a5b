"""
Run the code blocks of a page in the present folder, with nothing but what is installed.

``python run_page.py tutorial.md`` is for `.ci/package`; `tests/test_docs.py` runs all
pages, in the environment of the tests.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

page, scope = Path(sys.argv[1]).read_text("utf-8"), {"__name__": "page"}
sys.path[0] = str(Path.cwd())
path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
blocks = re.findall(r"^```(python|sh)\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
for language, code in blocks:
    if name := re.match(r"# (\w+\.py)\n", code):
        Path(name[1]).write_text(code, "utf-8")
    elif language == "python":
        exec(compile(code, sys.argv[1], "exec"), scope)
    else:
        subprocess.run(["sh", "-ec", code], check=True, env=os.environ | {"PATH": path})
print(f"{len(blocks)} blocks ran")

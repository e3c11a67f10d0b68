"""A program of tests/interop that plays one end, and tells by lines what it sees."""
import os
import subprocess


class Program:
    name = None                                         # of its file

    def __init__(self, *arguments):
        path = os.path.join(os.environ.get("CHASQUI_BUILD", "build"), "tests", "interop", self.name)
        self.process = subprocess.Popen([path, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.lines = []

    def until(self, start):
        """The next line that begins so; all that pass are kept."""
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith(start):
                return line.rstrip("\n")
        raise AssertionError(f"no line {start!r}: {self.lines}")

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.process.kill()
        rest = self.process.communicate()[0]
        if "Sanitizer" in rest or "runtime error" in rest:
            raise AssertionError(rest)

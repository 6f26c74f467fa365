"""Plants one breach at a time into a small tree and demands that tidy finds it, and nothing else."""

import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import tidy  # noqa: E402

TREE = {
    "src/a.cc": "// It throws nothing.\nint x = 1;  // see docs/work/y.md\n",
    "docs/glossary.md": "| word | meaning | not |\n|---|---|---|\n| pack | a folder | ruleset, rule set |\n",
    "README.md": "A pack decides.\n",
}


class Tidy(unittest.TestCase):
    def found(self, planted: dict[str, str]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["git", "init", "-q", folder], check=True)
            for name, text in (TREE | planted).items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return tidy.check(Path(folder))

    def assert_found(self, planted: dict[str, str], start: str) -> None:
        found = self.found(planted)
        self.assertEqual(len(found), 1, found)
        self.assertTrue(found[0].startswith(start), found)

    def test_a_tidy_tree_has_no_problem(self):
        self.assertEqual(self.found({}), [])

    def test_a_thing_left_to_do_is_found(self):
        self.assert_found({"src/b.cc": "\n// TO" + "DO: later\n"}, "src/b.cc:2")

    def test_a_long_file_is_found(self):
        self.assert_found({"src/b.cc": "int x;\n" * 901}, "src/b.cc: 901 lines")

    def test_a_machine_path_is_found(self):
        self.assert_found({"script/x": "cd /ho" + "me/somebody\n"}, "script/x:1")

    def test_a_registry_host_is_found(self):
        self.assert_found({"script/x": "curl https://registry.npm" + "js.org/duckdb\n"}, "script/x:1")

    def test_a_throw_is_found(self):
        self.assert_found({"src/b.cc": "void F() { throw 1; }\n"}, "src/b.cc:1")

    MARKED = "int y;\n// SECURITY: a key leaks. Test:\n// Keys.%s.\nint x;\n"
    TESTED = "TEST_F(Keys, Leak) {}\nTEST(\n    Keys,\n    LeakNot) {}\n"

    def test_a_mark_of_security_names_a_test(self):
        self.assertEqual(self.found({"src/b.cc": self.MARKED % "Leak", "src/b_test.cc": self.TESTED}), [])
        self.assertEqual(self.found({"src/b.cc": self.MARKED % "LeakNot", "src/b_test.cc": self.TESTED}), [])
        self.assert_found({"src/b.cc": "// SECURITY: a key leaks.\nint x;  // Keys.Leak\n"}, "src/b.cc:1")

    def test_a_mark_of_security_with_a_test_that_is_gone_is_found(self):
        self.assert_found({"src/b.cc": self.MARKED % "Leaks", "src/b_test.cc": self.TESTED}, "src/b.cc:2")
        self.assert_found({"src/b.cc": self.MARKED % "Leak", "src/b_test.cc": "// TEST(Keys, Leak)\n"}, "src/b.cc:2")

    def test_a_banned_synonym_is_found_in_a_document(self):
        self.assert_found({"README.md": "Write a Rule set.\n"}, "README.md:1")


if __name__ == "__main__":
    unittest.main()

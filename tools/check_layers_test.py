"""Plants one violation at a time into a small tree and demands that check_layers finds it, and nothing else."""

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
import check_layers  # noqa: E402

TREE = {
    "src/base/CMakeLists.txt": "fuqi_module(base LAYER 0 SOURCES a.cc)",
    "src/base/a.h": "#include <vector>\n",
    "src/crypto/CMakeLists.txt": "fuqi_module(crypto LAYER 1 DEPS base SOURCES c.cc)",
    "src/crypto/c.h": '#include "base/a.h"\n',
    "src/table/CMakeLists.txt": "fuqi_module(table LAYER 1 DEPS base SOURCES t.cc)",
    "src/table/t.cc": "#include <duckdb.h>\n",
    "src/ledger/CMakeLists.txt": "fuqi_module(ledger LAYER 2 DEPS crypto SOURCES l.cc)",
    "src/ledger/l.h": '#include "crypto/c.h"\n#include "base/a.h"\n',
    "src/ledger/l.cc": '#include "ledger/l.h"\n',
    "src/ledger/verify_main.cc": '#include "ledger/l.h"\n',
    "src/decide/CMakeLists.txt": "fuqi_module(decide LAYER 4 DEPS ledger table SOURCES d.cc)",
    "src/decide/d.h": '#include "base/a.h"\n#include "ledger/l.h"\n',
    "src/net/CMakeLists.txt": "fuqi_module(net LAYER 3 DEPS crypto SOURCES n.cc)",
    "src/node/CMakeLists.txt": "fuqi_module(node LAYER 8 DEPS decide net SOURCES s.cc)",
    "src/node/s.cc": '#include <boost/beast.hpp>\n#include "table/t.h"\n',
}


class CheckLayers(unittest.TestCase):
    def found(self, planted: dict[str, str]) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (TREE | planted).items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check_layers.check(Path(folder))

    def assert_found(self, planted: dict[str, str], *words: str) -> None:
        found = self.found(planted)
        self.assertEqual(len(found), 1, found)
        for word in words:
            self.assertIn(word, found[0])

    def test_a_clean_tree_has_no_problem(self):
        self.assertEqual(self.found({}), [])

    def test_an_include_of_a_higher_layer_is_found_with_its_line(self):
        self.assert_found({"src/base/a.h": '\n#include "crypto/c.h"\n'}, "src/base/a.h:2", "crypto/c.h")

    def test_an_include_of_an_undeclared_lower_layer_is_found(self):
        self.assert_found({"src/ledger/l.h": '#include "table/t.h"\n', "src/ledger/verify_main.cc": ""}, "src/ledger/l.h:1")

    def test_an_include_without_its_folder_is_found(self):
        self.assert_found({"src/decide/d.h": '#include "d.h"\n'}, "decide/d.h")

    def test_a_dependency_on_the_same_layer_is_found(self):
        self.assert_found({"src/table/CMakeLists.txt": "fuqi_module(table LAYER 1 DEPS crypto SOURCES t.cc)",
                           "src/crypto/c.h": ""}, "layer 1 depends on crypto")

    def test_a_target_linked_around_fuqi_module_is_found(self):
        self.assert_found({"src/crypto/CMakeLists.txt": TREE["src/crypto/CMakeLists.txt"] +
                           "\ntarget_link_libraries(fuqi_crypto PUBLIC fuqi_table)"}, "fuqi_table")

    def test_duckdb_outside_table_is_found(self):
        self.assert_found({"src/decide/d.h": "#include <duckdb.h>\n"}, "only src/table")

    def test_http_below_node_is_found(self):
        self.assert_found({"src/decide/d.h": "#include <boost/beast/http.hpp>\n"}, "HTTP")

    def test_net_under_decide_is_found(self):
        self.assert_found({"src/decide/CMakeLists.txt": "fuqi_module(decide LAYER 4 DEPS ledger table net SOURCES d.cc)"}, "reaches net")

    def test_a_verifier_that_reaches_another_module_is_found(self):
        found = self.found({"src/ledger/l.cc": '#include "table/t.h"\n'})
        self.assertTrue(any("fuqi-verify" in problem for problem in found), found)

    def test_a_folder_without_a_module_is_found(self):
        self.assert_found({"src/stray/x.h": ""}, "no fuqi_module")

    def test_a_test_may_include_what_it_links_and_no_more(self):
        cmake = "fuqi_module(crypto LAYER 1 DEPS base SOURCES c.cc TESTS c_test.cc TEST_LINK fuqi_table)"
        planted = {"src/crypto/CMakeLists.txt": cmake, "src/crypto/c_test.cc": '#include "table/t.h"\n'}
        self.assertEqual(self.found(planted), [])
        self.assert_found(planted | {"src/crypto/c.h": '#include "table/t.h"\n', "src/ledger/verify_main.cc": ""}, "src/crypto/c.h:1")


if __name__ == "__main__":
    unittest.main()

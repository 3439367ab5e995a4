from tests.unit.fetch.conftest import other_server as other_server
from tests.unit.fetch.conftest import server as server

import time
import pytest
from django.db import connection
from tests.distribution.test_many_records import *
from tests.distribution.test_many_records import ACTIONS
pytestmark = pytest.mark.django_db
@pytest.mark.parametrize("name",["restore"])
def test_probe(admin, name):
    team=[UserFactory() for _ in range(3)]
    before, action, done_of = ACTIONS[name]
    stage=Stage(get_module("memberwd"), 5000, team, admin)
    before(stage); stage.settle()
    def w(execute, sql, params, many, context):
        if sql.startswith("UPDATE") and "lottery" in sql:
            r=execute("EXPLAIN (ANALYZE) "+sql,params,many,context)
            for x in context["cursor"].fetchall(): print("  ", x[0][:200])
            return r
        return execute(sql,params,many,context)
    with connection.execute_wrapper(w):
        t=time.time()
        try: action(stage)
        except Exception as e: print(repr(e)[:200])
        print(name,time.time()-t)
test_the_number_of_queries_does_not_grow_with_the_selection=None

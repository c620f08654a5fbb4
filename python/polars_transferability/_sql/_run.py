from polars_transferability._sql._query import *
def sql(query, eager=False, **frames):
    text=Text(query); scope=Scope(text,{k:(lambda v=v: v.lazy()) for k,v in frames.items()})
    tree=parse(text)
    r = evaluate(tree, scope)
    return r.collect() if eager else r

# Makes the goldens of embedding, gather, scatter, where, one_hot and x[...].
import torch
import torch.nn.functional as F

from golden_case import INF, NAN, case, f64, i64, numbers


def gathering():
    ids, repeated = i64([[1, 0, 1], [3, 1, 3]]), i64([2, 0, 2, 2])
    weight, x = numbers(4, 3, seed=7), numbers(3, 4, seed=8)
    cases = [case("embedding/repeated", "embedding", F.embedding, {"ids": ids, "weight": weight},
                  {"padding_idx": None})]
    for padding in (1, 0):
        cases.append(case(f"embedding/padding_{padding}", "embedding",
                          lambda ids, w: F.embedding(ids, w, padding_idx=padding),
                          {"ids": ids, "weight": weight}, {"padding_idx": padding}))
    for axis, index in ((0, [[0, 2, 2, 0], [0, 1, 2, 0]]), (1, [[0, 0], [3, 1], [2, 2]])):
        index = i64(index)
        cases.append(case(f"gather/repeated_axis_{axis}", "gather",
                          lambda x, ids: torch.gather(x, axis, ids), {"x": x, "ids": index},
                          {"axis": axis}))
        cases.append(case(f"scatter_add/repeated_axis_{axis}", "scatter_add",
                          lambda x, ids, source: torch.scatter_add(x, axis, ids, source),
                          {"x": x, "ids": index, "source": numbers(*index.shape, seed=9)},
                          {"axis": axis}))
        cases.append(case(f"index_select/repeated_axis_{axis}", "index_select",
                          lambda x, ids: torch.index_select(x, axis, ids),
                          {"x": x, "ids": repeated}, {"axis": axis}))
    mask = torch.tensor([[True], [False], [True]])
    cases.append(case("where/broadcast", "where", torch.where,
                      {"condition": mask, "a": numbers(1, 4), "b": numbers(3, 4, seed=2)}))
    cases.append(case("where/nan_not_taken", "where", torch.where,
                      {"condition": mask[:2, 0], "a": f64([1, NAN]), "b": f64([INF, 2])}))
    cases.append(case("one_hot", "one_hot", lambda ids: F.one_hot(ids, 5), {"ids": ids},
                      {"num_classes": 5}))
    return cases


# An index is a list.  Its items are integers, null (None), "..." (all the axes between), {"slice":
# [start, stop, step]} with null for one that is not given, and {"tensor": name of the input}.
def indexing():
    cases = []
    x = torch.arange(24, dtype=torch.float64).reshape(2, 3, 4)

    def add(name, *index, **tensors):
        def apply(x, *found):
            by_name = dict(zip(tensors, found))
            return x[tuple(by_name.get(i) if isinstance(i, str) else i for i in index)]
        spelled = [{"slice": [i.start, i.stop, i.step]} if isinstance(i, slice) else
                   {"tensor": i} if isinstance(i, str) else "..." if i is ... else i for i in index]
        cases.append(case(name, "index", apply, {"x": x, **tensors}, {"index": spelled}))

    ids, mask = i64([1, 0, 1]), x % 3 == 0
    add("x[1:3]", slice(1, 3))
    add("x[::2]", slice(None, None, 2))
    add("x[-1]", -1)
    add("x[None, ..., 0]", None, ..., 0)
    add("x[ids]", "ids", ids=ids)
    add("x[mask]", "mask", mask=mask)
    add("x[1:3, ids]", slice(1, 3), "ids", ids=i64([2, 0, 2]))
    add("x[..., 1:-1]", ..., slice(1, -1))
    add("x[:, -2:, ::3]", slice(None), slice(-2, None), slice(None, None, 3))
    add("x[5:]", slice(5, None))
    add("x[0, 1, 2]", 0, 1, 2)
    add("x[ids] negative", "ids", ids=i64([-1, -2]))
    add("x[ids] two-dimensional", "ids", ids=i64([[1, 0], [0, 0]]))
    add("x[ids] empty", "ids", ids=i64([]))
    add("x[mask] of the first axis", "mask", mask=torch.tensor([False, True]))
    add("x[mask] of two axes", "mask", mask=mask[..., 0])
    add("x[mask] of nothing", "mask", mask=mask & ~mask)
    add("x[:, ids, 1:3]", slice(None), "ids", slice(1, 3), ids=i64([2, 2]))
    # Two index tensors are used together.  If other items stand between them, their axes come first.
    add("x[a, b]", "a", "b", a=ids, b=i64([2, 0, 2]))
    add("x[a, :, b]", "a", slice(None), "b", a=ids, b=i64([3, 0, 3]))
    # An integer selects before the other items apply (NumPy would put the axis of ids first).
    add("x[0, :, ids]", 0, slice(None), "ids", ids=i64([3, 0, 3]))
    return cases

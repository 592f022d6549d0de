"""Hotlists: plates that are looked for, as they travel to the edge and are matched there (docs/design/hotlists.md).

```
entries  what is looked for, and on which terms          columns  an immutable list of them, sorted, small in memory
coding   a list, and what changed in it, as bytes         sealed   those bytes in signed values of bucket `HL`
copy     an edge's copy of a list, from value to value    matching which entries a read hits, and by which rule
catalog  which lists there are, in which versions
```
"""

# The public headers: all that is installed, and so all that vitro.h may include.

set(VITRO_PUBLIC_HEADERS
  vitro.h
  framework/allocator.h
  framework/dtype.h
  framework/engine.h
  framework/error.h
  framework/graphviz.h
  framework/module.h
  framework/node.h
  framework/random.h
  framework/runtime.h
  framework/shape.h
  framework/storage.h
  framework/tensor.h
  models/generate.h
  models/init.h
  models/layers.h
  models/mini_lm.h
  models/text/char_tokenizer.h
  models/text/text_file.h
  models/text/tokenizer.h
  models/text/utf8.h
  models/text/vocabulary.h
  models/text/word_tokenizer.h
  ops/indexing.h
  ops/ops.h)

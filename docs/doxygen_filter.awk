# Doxygen's input filter: prints a header with its `//` comments as documentation comments.
#
#   - A comment line becomes `///`; the comment that opens a file describes the file.
#   - A comment that ends a line becomes `///<`; on a line that opens a block it moves above.
#   - Text that is indented by three spaces or more (formulas, drawings) keeps its layout.
#   - A heading (`// --- losses ---`) and a comment that ends with a colon describe every
#     declaration down to the next blank line that has no comment of its own.
#   - An overload without a comment takes the comment of the overload above it.
#   - The comment of `int64_t a = 0, b = 0;` describes each of the fields.

# The text of a comment as Doxygen reads it: nothing in it is a command or a tag.
function plain(text) {
  gsub(/&/, "\\&amp;", text)
  gsub(/</, "\\&lt;", text)
  gsub(/>/, "\\&gt;", text)
  gsub(/[\\@]/, "\\\\&", text)
  gsub(/#/, "\\#", text)
  gsub(/%/, "\\%", text)
  while (match(text, /`[^`]+`/))
    text = substr(text, 1, RSTART - 1) "<tt>" substr(text, RSTART + 1, RLENGTH - 2) "</tt>" \
           substr(text, RSTART + RLENGTH)
  gsub(/"/, "\\\"", text)
  gsub(/::/, "\\::", text)
  return text
}

# Opens or closes a part that keeps its layout.
function layout(indent, wanted) {
  if (wanted && !kept) print indent "/// @verbatim"
  if (!wanted && kept) print indent "/// @endverbatim"
  kept = wanted
}

# One line of a documentation comment; `text` begins with the space after the slashes.
function document(indent, text) {
  layout(indent, text ~ /^   /)
  line = indent "///" (kept ? text : plain(text))
  print line
  last_comment = last_comment line "\n"
}

function end_comment() { layout(comment_indent, 0) }

# The name of the function that a line declares, or nothing.
function declared(line) {
  if (line !~ /\(/ || line ~ /^ *(return|if|for|while|check|fail)/) return ""
  sub(/\(.*/, "", line)
  sub(/^.*[ *&]/, "", line)
  return line
}

{
  gsub(/\[\[[^]]*\]\] ?/, "")  # attributes say nothing to a reader
  match($0, /^ */)
  indent = substr($0, 1, RLENGTH)
}

# The comment that opens the file.
FNR == 1 && /^\/\/ / {
  print "/// @file"
  in_file_comment = 1
}

/^ *\/\/ --- / {
  end_comment()
  text = substr($0, RLENGTH + 8)
  sub(/ ---$/, "", text)
  group_comment = indent "/// " plain(text) "\n"
  last_name = ""
  begins = 1
  next
}

/^ *\/\/ clang-format/ { next }

# A comment line that continues the comment at the end of the line above.
/^ *\/\// && trailing && index($0, "//") == trailing {
  print indent "///<" plain(substr($0, trailing + 2))
  next
}

/^ *\/\// {
  if (!in_comment) last_comment = ""
  in_comment = begins = 1
  comment_indent = indent
  trailing = 0
  document(indent, substr($0, RLENGTH + 3))
  if (/:$/) group_comment = last_comment
  next
}

# Prints a declaration with its comment; each of several fields on a line of its own.
function print_declaration(code, trailing_comment, above,    type, fields, n, i) {
  if (code !~ /^ *[A-Za-z_:<>0-9 ]+ [a-z_0-9]+( = [^,;(]*)?(, [a-z_0-9]+( = [^,;(]*)?)+;$/) {
    print code trailing_comment
    return
  }
  n = split(code, fields, ", ")
  type = fields[1]
  sub(/( = .*)?$/, "", type)
  sub(/[a-z_0-9]+$/, "", type)
  sub(/;$/, "", fields[n])
  print fields[1] ";" trailing_comment
  for (i = 2; i <= n; ++i) {
    if (trailing_comment == "") printf "%s", above
    print type fields[i] ";" trailing_comment
  }
}

# A line of code.
{
  end_comment()
  if (in_file_comment) print ""
  code = $0
  text = ""
  trailing = 0
  at = index(code, "  // ")
  if (at && code !~ /"[^"]*\/\/[^"]*"/) {
    text = plain(substr(code, at + 4))
    code = substr(code, 1, at - 1)
  }
  if (code ~ /^ *$/ || code ~ /^ *(public|private|protected):/) {
    last_name = last_comment = group_comment = ""
  } else if (begins) {  # a declaration, not its second line
    name = declared(code)
    above = last_comment
    if (!in_comment && text == "") {
      if (name == "" || name != last_name) above = group_comment
      printf "%s", above
    }
    if (!in_comment && name != last_name) last_comment = ""
    last_name = name
  }
  begins = code ~ /[;{}]$/ || code ~ /^ *$/ || code ~ /:$/ || code ~ /^ *#/
  if (text != "" && code ~ /[{]$/) print indent "///" text
  if (text != "" && code !~ /[{]$/) {
    print_declaration(code, "  ///<" text, "")
    trailing = at + 2
    last_comment = indent "///" text "\n"
  } else {
    print_declaration(code, "", above)
  }
  in_comment = in_file_comment = 0
}

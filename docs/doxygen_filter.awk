# Doxygen's input filter: prints a header with its `//` comments as documentation comments.
#
#   - A comment line becomes `///`; the comment that opens a file describes the file.
#   - A comment that ends a line becomes `///<`; on a line that opens a block it moves above.
#   - Text that is indented by three spaces or more (formulas, drawings) keeps its layout.
#   - A comment describes every declaration below it, down to the next comment or blank line.
#     So does a heading (`// --- losses ---`).
#   - The comment of `int64_t a = 0, b = 0;` describes each of the fields.
#   - Private members are left out.

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
  block_comment = block_comment line "\n"
}

function end_comment() { layout(comment_indent, 0) }

{
  gsub(/\[\[[^]]*\]\] ?/, "")  # attributes say nothing to a reader
  sub(/friend bool operator/, "bool operator")  # Doxygen links to a friend that it does not list
  match($0, /^ */)
  indent = substr($0, 1, RLENGTH)
}

/^ *private:/ && private_indent == "" { private_indent = indent }
private_indent != "" && /^ *};/ && length(indent) < length(private_indent) { private_indent = "" }
private_indent != "" { next }

# The comment that opens the file.
FNR == 1 && /^\/\/ / {
  print "/// @file"
  in_file_comment = 1
}

/^ *\/\/ --- / {
  end_comment()
  text = substr($0, RLENGTH + 8)
  sub(/ ---$/, "", text)
  block_comment = indent "/// " plain(text) "\n"
  comment_indent = indent
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
  if (!in_comment) block_comment = ""
  in_comment = begins = 1
  comment_indent = indent
  trailing = 0
  document(indent, substr($0, RLENGTH + 3))
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
  if (in_file_comment) {
    print ""
    block_comment = ""
  }
  code = $0
  text = ""
  trailing = 0
  at = index(code, "  // ")
  before = substr(code, 1, at - 1)
  if (at && code !~ /^}/ && gsub(/"/, "&", before) % 2 == 0) {  # not inside a string
    text = plain(substr(code, at + 4))
    code = before
    sub(/ +$/, "", code)
  }
  is_outside = length(indent) < length(comment_indent)  # the comment stood in a function's body
  if (is_outside || code ~ /^ *$/ || code ~ /^ *(public|private|protected):/) block_comment = ""
  else if (begins && !in_comment && text == "") printf "%s", block_comment
  begins = code ~ /[;{}]$/ || code ~ /^ *$/ || code ~ /:$/ || code ~ /^ *#/
  if (text != "" && code ~ /[{]$/) print indent "///" text
  if (text != "" && code !~ /[{]$/) {
    print_declaration(code, "  ///<" text, "")
    trailing = at + 2
  } else {
    print_declaration(code, "", block_comment)
  }
  in_comment = in_file_comment = 0
}

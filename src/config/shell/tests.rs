use super::{check, parse};

#[test]
fn what_dash_reads_is_read() {
    for script in [
        "npm ci",
        "if [ -f x ]; then npm ci; elif true; then :; else b; fi",
        "for x in a b; do echo $x; done",
        "for x do echo $x; done",
        "while read -r line\ndo echo \"$line\"; done < file",
        "case $1 in (a|b) echo;; *) echo done;; esac",
        "case x in a) if true; then echo fi; fi ;; esac",
        "f() { echo hi; }; f",
        "f()\n{\n echo hi\n}\n",
        "( cd x && make ) || exit 1",
        "cat <<EOF\nif (\n'\nEOF\necho ok",
        "cat <<-'E O'\n\tit's\n\tE O\n",
        "echo 'a' \"b $(echo \"c\" `d`)\" ${x:-'y'} $((1 + (2)))",
        "echo if then fi done",
        "a=1 b=2 cmd # it's a comment\n",
        "echo \\\n  more",
        "! grep -q x y && echo no",
        "{ a; b; } > out 2>&1 &",
        "echo ${x#*\"}\"}",
        "if ! command -v x >/dev/null; then exit; fi",
        "echo a;\n\n\necho b",
        "x=$(case a in a) echo;; esac)",
    ] {
        assert_eq!(check(script), Ok(()), "{script}");
    }
}

#[test]
fn what_no_shell_reads_is_refused() {
    let table = [
        (
            "if [ -f x ]; then\n  npm ci\n",
            "`if` is never closed with `fi`",
        ),
        ("if true; npm ci; fi", "`fi` is not expected here"),
        ("for x in a; echo; done", "`done` is not expected here"),
        ("echo 'it", "a single quote is never closed"),
        ("echo \"it", "a double quote is never closed"),
        ("echo $(ls", "`$(` is never closed"),
        ("echo ${x", "`${` is never closed"),
        ("( ls", "`(` is never closed with `)`"),
        ("ls )", "`)` is not expected here"),
        ("f() { ls", "`{` is never closed with `}`"),
        ("case x in a) ls ;;", "`case` is never closed with `esac`"),
        ("ls ;; ls", "`;;` is not expected here"),
        ("while true; do ls", "`do` is never closed with `done`"),
        ("then ls", "`then` is not expected here"),
    ];
    for (script, message) in table {
        assert_eq!(
            check(script).map_err(|fault| fault.message),
            Err(message.to_owned()),
            "{script}"
        );
    }
}

#[test]
fn commands_and_statements_are_counted() {
    let script = parse("cd x && npm ci; (a; b)\nserve &\n").unwrap();
    let names: Vec<&str> = script
        .commands
        .iter()
        .map(|command| command.words[0])
        .collect();
    assert_eq!(names, ["cd", "npm", "a", "b", "serve"]);
    assert_eq!(script.statements, 3);
    assert!(script.commands[4].in_background);
    assert_eq!(script.commands[3].statement, 1);
}

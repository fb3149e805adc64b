use super::*;

#[test]
fn lines_are_drawn_over_each_other_and_the_cursor_goes_back_to_the_first() {
    let lines = ["one".to_owned(), "two".to_owned(), "three".to_owned()];
    assert_eq!(
        frame(&lines),
        "\r\x1b[?7lone\x1b[K\r\ntwo\x1b[K\r\nthree\x1b[K\x1b[J\x1b[?7h\r\x1b[2A"
    );
    assert_eq!(frame(&lines[..1]), "\r\x1b[?7lone\x1b[K\x1b[J\x1b[?7h\r");
    // A cursor that is hidden would stay hidden after a SIGKILL.
    assert!(!frame(&lines).contains("?25"));
}

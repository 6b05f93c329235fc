//! Tables in a terminal.

/// Draws rows under their headings, every column as wide as it needs.
pub(super) fn draw(headings: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([headings[column].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let rule = |left: &str, middle: &str, right: &str| {
        let parts: Vec<String> = widths.iter().map(|width| "─".repeat(width + 2)).collect();
        format!("{left}{}{right}\n", parts.join(middle))
    };
    let line = |cells: &[String]| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!(" {cell:<width$} "));
        format!("│{}│\n", padded.collect::<Vec<_>>().join("│"))
    };
    let headings: Vec<String> = headings.iter().map(|heading| (*heading).to_owned()).collect();
    let mut table = rule("┌", "┬", "┐");
    table.push_str(&line(&headings));
    table.push_str(&rule("├", "┼", "┤"));
    rows.iter().for_each(|row| table.push_str(&line(row)));
    table.push_str(&rule("└", "┴", "┘"));
    table
}

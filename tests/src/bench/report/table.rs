//! Rows of numbers.

use std::fmt::Write;

/// A row of the comparison; what is absent was not measured.
pub struct Row<'a> {
    /// What was measured.
    pub name: &'a str,
    /// Of k3OS.
    pub ours: Option<f64>,
    /// Of Debian with Kubernetes.
    pub debian: Option<f64>,
    /// Of Debian without it.
    pub alone: Option<f64>,
}

/// The title over rows, with the names of the columns.
pub fn heading(text: &mut String, title: &str) {
    let names = format!(
        "{:>9} {:>9} {:>6} {:>9}",
        "k3OS", "Debian", "ratio", "alone"
    );
    line(text, &format!("\n{title:38}{names}"));
}

/// One row, with the ratio of the first two.
pub fn row(text: &mut String, row: &Row) {
    let ratio = row.ours.zip(row.debian).map(|(ours, debian)| ours / debian);
    let cells = format!(
        "{} {} {} {}",
        cell(row.ours, 9, 1),
        cell(row.debian, 9, 1),
        cell(ratio, 6, 2),
        cell(row.alone, 9, 1)
    );
    line(text, &format!("  {:36}{}", row.name, cells.trim_end()));
}

/// A number, or a dash for what was not measured.
pub fn cell(value: Option<f64>, width: usize, digits: usize) -> String {
    match value {
        Some(value) => format!("{value:width$.digits$}"),
        None => format!("{:>width$}", "-"),
    }
}

/// One line of the report.
pub fn line(text: &mut String, content: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{content}");
}

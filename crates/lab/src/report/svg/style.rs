//! Colours and type. Light by default; dark where the reader's system is.

/// The style sheet. Loss and stall differ in pattern too, for those who see no difference in colour.
pub(super) const SHEET: &str = r#"
text{font:12px ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;fill:#1d2733;font-variant-numeric:tabular-nums}
.title{font-size:17px;font-weight:650}
.verdict{font-size:13px;fill:#56616f}
.kind{font-weight:600}
.muted,.axis{fill:#667180}
.axis,.head{font-size:11px}
.axis{text-anchor:middle}
.head{fill:#8a94a1;text-anchor:end}
.figure,.bad,.late,.none{text-anchor:end}
.bad{fill:#c0281c;font-weight:600}
.late{fill:#9a5b00;font-weight:600}
.none{fill:#a7b0ba}
.time{fill:#8a94a1}
.in,.by{font-size:11px;font-weight:600}
.in{text-anchor:middle}
.in.loss{fill:#fff}.in.stall{fill:#3d2600}
.by.loss{fill:#a3190e}.by.stall{fill:#6b4000}
.card{fill:#fff;stroke:#dfe3e8}
.grid,.rule{stroke:#e9ecf0;fill:none}
.flow{fill:#b7e0cb}
.loss{fill:#d8372a}
.stall{fill:#f7b23b}
.stripe{fill:#e39a14}
.stalled{fill:url(#hatch)}
.died{stroke:#8e1a10;stroke-width:2.4;stroke-linecap:round;fill:none}
.halo{stroke:#fff;stroke-width:5.5;stroke-linecap:round;fill:none}
.fault{fill:#1d2733}.route{fill:#2f6fe4}.vtep{fill:#8347d9}.note{fill:#98a2ae}
.ok{fill:#2a9d68}.cut{fill:#d8372a}
.mark{fill:none;stroke-width:1.25}
.mark.fault{stroke:#1d2733;stroke-width:1.5}.mark.route{stroke:#2f6fe4}.mark.vtep{stroke:#8347d9}.mark.note{stroke:#98a2ae}
@media(prefers-color-scheme:dark){
text{fill:#e4e8ed}
.verdict,.muted,.axis{fill:#9aa5b1}
.head,.time{fill:#7d8894}.none{fill:#5b6671}
.bad{fill:#ff7a6c}.late{fill:#f7b955}
.card{fill:#11161c;stroke:#2a323c}
.grid,.rule{stroke:#222a33}
.flow{fill:#22573f}
.loss{fill:#e5483a}.in.loss{fill:#fff}.in.stall{fill:#2b1a00}
.by.loss{fill:#ffb3aa}.by.stall{fill:#ffd591}
.died{stroke:#ffb3aa}.halo{stroke:#11161c}
.fault{fill:#e4e8ed}.route{fill:#6aa0ff}.vtep{fill:#b58cff}.note{fill:#7d8894}
.mark{fill:none}.mark.fault{stroke:#e4e8ed}.mark.route{stroke:#6aa0ff}.mark.vtep{stroke:#b58cff}.mark.note{stroke:#7d8894}
}
"#;

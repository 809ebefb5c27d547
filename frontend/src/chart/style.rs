//! How the chart looks: options made from the page's own CSS tokens.

use serde_json::{Value, json};

use crate::series::Layer;

use super::js::Kind;

/// Colours read from the stylesheet's custom properties, so that they are said once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Colours {
    pub(crate) background: String,
    pub(crate) text: String,
    pub(crate) grid: String,
    pub(crate) line: String,
    pub(crate) faint: String,
    pub(crate) raised: String,
    pub(crate) up: String,
    pub(crate) down: String,
    pub(crate) volume_up: String,
    pub(crate) volume_down: String,
    pub(crate) oi: String,
    pub(crate) funding: String,
    pub(crate) cvd: String,
    pub(crate) watermark: String,
    mono: String,
}

impl Colours {
    /// Reads the tokens as they are now; call again after the theme changed.
    pub(crate) fn read() -> Colours {
        let window = web_sys::window();
        let style =
            window.and_then(|w| w.get_computed_style(&w.document()?.document_element()?).ok().flatten());
        let token = |name: &str| {
            style
                .as_ref()
                .and_then(|s| s.get_property_value(name).ok())
                .map(|v| v.trim().to_owned())
                .unwrap_or_default()
        };
        Colours {
            background: token("--bg"),
            text: token("--muted"),
            grid: token("--grid"),
            line: token("--line"),
            faint: token("--faint"),
            raised: token("--raised"),
            up: token("--up"),
            down: token("--down"),
            volume_up: token("--volume-up"),
            volume_down: token("--volume-down"),
            oi: token("--series-oi"),
            funding: token("--series-funding"),
            cvd: token("--series-cvd"),
            watermark: token("--watermark"),
            mono: token("--mono"),
        }
    }
}

/// Options of the whole chart.
pub(crate) fn chart(c: &Colours) -> Value {
    json!({
        "autoSize": true,
        "layout": {
            "background": {"type": "solid", "color": c.background},
            "textColor": c.text,
            "fontSize": 11,
            "fontFamily": c.mono,
            // A strict CSP blocks the logo's style; the page shows its own link and notice.
            "attributionLogo": false,
            "panes": {"enableResize": true, "separatorColor": c.line, "separatorHoverColor": c.raised},
        },
        "grid": {"vertLines": {"color": c.grid}, "horzLines": {"color": c.grid}},
        "crosshair": {
            "mode": 0,
            "vertLine": {"color": c.faint, "width": 1, "style": 2, "labelBackgroundColor": c.raised},
            "horzLine": {"color": c.faint, "width": 1, "style": 2, "labelBackgroundColor": c.raised},
        },
        "rightPriceScale": {
            "borderColor": c.line,
            "minimumWidth": 72,
            "scaleMargins": {"top": 0.12, "bottom": 0.08},
        },
        "timeScale": {
            "borderColor": c.line,
            "rightOffset": 6,
            "barSpacing": 6,
            "minBarSpacing": 0.5,
            "timeVisible": true,
            "secondsVisible": false,
        },
        "localization": {"locale": "en-GB", "dateFormat": "yyyy-MM-dd"},
        "kineticScroll": {"mouse": false, "touch": true},
    })
}

/// How a layer is drawn, its options, and the colours its rows may choose from.
pub(crate) fn layer(layer: Layer, c: &Colours) -> (Kind, Value, Vec<String>) {
    let line = |colour: &str| {
        json!({
            "color": colour, "lineWidth": 1, "priceLineVisible": false, "lastValueVisible": true,
            "crosshairMarkerRadius": 3, "crosshairMarkerBorderWidth": 0,
        })
    };
    let bars = |colour: &str| json!({"color": colour, "base": 0, "priceLineVisible": false, "lastValueVisible": false});
    match layer {
        Layer::Price => {
            let options = json!({
                // Up and down differ by shape too: rising bodies are hollow.
                "upColor": c.background, "borderUpColor": c.up, "wickUpColor": c.up,
                "downColor": c.down, "borderDownColor": c.down, "wickDownColor": c.down,
                "priceLineColor": c.faint, "priceLineStyle": 1,
            });
            (Kind::Candles, options, Vec::new())
        }
        Layer::Volume => {
            let mut options = bars(&c.volume_up);
            if let Some(o) = options.as_object_mut() {
                o.insert("priceScaleId".into(), json!(""));
            }
            (Kind::Histogram, options, vec![c.volume_up.clone(), c.volume_down.clone()])
        }
        Layer::Oi => (Kind::Line, line(&c.oi), Vec::new()),
        Layer::Funding => {
            let mut options = line(&c.funding);
            if let Some(o) = options.as_object_mut() {
                // Rates hold until they change: steps, not slopes.
                o.insert("lineType".into(), json!(1));
            }
            (Kind::Line, options, Vec::new())
        }
        Layer::Cvd => (Kind::Line, line(&c.cvd), Vec::new()),
        Layer::LiqLong => (Kind::Histogram, bars(&c.down), Vec::new()),
        Layer::LiqShort => (Kind::Histogram, bars(&c.up), Vec::new()),
    }
}

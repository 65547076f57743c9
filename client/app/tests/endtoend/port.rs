//! The port through which Slint lets a window of a test build be driven: JSON-RPC over HTTP on loopback. Knows nothing of
//! what is in the window.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use raftchat_tests::PATIENCE;
use serde_json::{Value, json};

/// More than any window of a story has; what goes beyond is not told.
const ALL: u32 = 1000;

/// Something in the window that is read out.
pub(crate) struct Element {
    pub(crate) label: String,
    handle: Value,
}

/// A connection to a window.
pub(crate) struct Port {
    stream: BufReader<TcpStream>,
    window: Value,
}

impl Port {
    /// Takes the only window that is open there.
    pub(crate) fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut port = Self { stream: BufReader::new(stream), window: Value::Null };
        port.window = port.told("list_windows", &json!({}))["windowHandles"][0].take();
        port
    }

    /// All that has a role and a name.
    pub(crate) fn elements(&mut self) -> Vec<Element> {
        let root =
            self.told("get_window_properties", &json!({ "windowHandle": self.window }))["rootElementHandle"].take();
        let mut tree = self.told("get_element_tree", &json!({ "elementHandle": root, "maxElements": ALL }));
        assert_eq!(tree["truncated"], false, "the window has more than can be asked for");
        let elements = tree["elements"].as_array_mut().unwrap();
        elements.iter_mut().filter(|element| element.get("accessibleRole").is_some()).filter_map(read_out).collect()
    }

    /// Does what a control does; none if it is no longer there.
    pub(crate) fn press(&mut self, element: &Element) -> Option<()> {
        let arguments = json!({ "elementHandle": element.handle, "action": "Default_" });
        self.call("invoke_accessibility_action", &arguments).map(drop)
    }

    /// Presses the mouse's button over the middle of a control, and whatever lies there gets it.
    pub(crate) fn click(&mut self, element: &Element) -> Option<()> {
        self.call("click_element", &json!({ "elementHandle": element.handle })).map(drop)
    }

    /// Puts a text into a field.
    pub(crate) fn write(&mut self, element: &Element, text: &str) -> Option<()> {
        self.call("set_element_value", &json!({ "elementHandle": element.handle, "value": text })).map(drop)
    }

    /// The window as it is drawn, a PNG.
    pub(crate) fn picture(&mut self) -> Vec<u8> {
        let content = self.call("take_screenshot", &json!({ "windowHandle": self.window })).unwrap();
        BASE64_STANDARD.decode(content["data"].as_str().unwrap()).unwrap()
    }

    /// What a tool answers that cannot fail.
    fn told(&mut self, tool: &str, arguments: &Value) -> Value {
        let content = self.call(tool, arguments).unwrap();
        serde_json::from_str(content["text"].as_str().unwrap()).unwrap()
    }

    /// The first of what a tool answers; none if what it was to be used on is no longer there.
    fn call(&mut self, tool: &str, arguments: &Value) -> Option<Value> {
        let request = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": { "name": tool, "arguments": arguments },
        });
        let mut answer = self.exchange(&request.to_string());
        let result = &mut answer["result"];
        assert!(result.is_object(), "{tool}: {answer}");
        (result["isError"] != true).then(|| result["content"][0].take())
    }

    fn exchange(&mut self, body: &str) -> Value {
        let head = "POST /mcp HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
        let length = body.len();
        write!(self.stream.get_mut(), "{head}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = vec![0; self.head()];
        self.stream.read_exact(&mut answer).unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    /// Reads the head of an answer: how long the rest is.
    fn head(&mut self) -> usize {
        let mut length = None;
        loop {
            let mut line = String::new();
            assert_ne!(self.stream.read_line(&mut line).unwrap(), 0, "the window has gone");
            if line == "\r\n" {
                return length.unwrap();
            }
            length = line.strip_prefix("Content-Length: ").map(|value| value.trim().parse().unwrap()).or(length);
        }
    }
}

fn read_out(element: &mut Value) -> Option<Element> {
    let label = element["accessibleLabel"].as_str()?.to_owned();
    Some(Element { label, handle: element["handle"].take() })
}

//! Requests to addresses that others chose: a picture's address that was dropped or copied, and whatever it leads on to.
//!
//! Such an address may mean the router, a service of this computer, or the metadata of a cloud machine, under any name that its owner
//! points there, and point elsewhere a moment later (DNS rebinding). So the name is looked up once ([`Http::way`]), the caller judges
//! what was found ([`is_public`]), and the connection goes to these very addresses and to no other ([`Http::visit`]). No credentials,
//! no cookies, no redirects: the caller judges each further address anew.
//!
//! What stays out: what is fetched, how much of it, and the question to the person.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{Failure, Http, is_loopback, tls};

/// Where a request would go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Straight to one of these, at least one.
    Direct(Vec<SocketAddr>),
    /// Through the proxy of the setting, which looks the name up for itself; this is what it means here, empty where that cannot be
    /// told.
    Proxy(Vec<SocketAddr>),
}

impl Way {
    /// The addresses that were found.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        match self {
            Self::Direct(addresses) | Self::Proxy(addresses) => addresses,
        }
    }

    /// Leaves out the addresses that are not wanted; of a way with none left nothing is sent anywhere but to a proxy.
    pub fn keep(&mut self, wanted: impl Fn(IpAddr) -> bool) {
        match self {
            Self::Direct(addresses) | Self::Proxy(addresses) => addresses.retain(|address| wanted(address.ip())),
        }
    }
}

/// Always the same addresses, whatever the name means by now.
#[derive(Debug)]
struct Found(Vec<SocketAddr>);

impl Resolve for Found {
    fn resolve(&self, _: Name) -> Resolving {
        let found: Addrs = Box::new(self.0.clone().into_iter());
        Box::pin(std::future::ready(Ok(found)))
    }
}

/// An answer whose body has not come yet.
#[derive(Debug)]
pub struct Visit {
    answer: reqwest::Response,
    stall: Duration,
}

impl Visit {
    /// HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.answer.status().as_u16()
    }

    /// One header as text; bytes outside ASCII are read as UTF-8, as browsers send them.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        self.answer.headers().get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    /// Bytes in all, where the other side says so.
    #[must_use]
    pub fn length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// The next bytes of the body; `None` at its end.
    ///
    /// # Errors
    /// [`Failure::Timeout`] where none comes for the setting's time, [`Failure::Broken`].
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Failure> {
        let next = tokio::time::timeout(self.stall, self.answer.chunk()).await.map_err(|_| Failure::Timeout)?;
        next.map_err(|error| Failure::of(&error))
    }
}

impl Http {
    /// Finds out where a request to `url` (`http` or `https`) would go. Nothing is sent there.
    ///
    /// # Errors
    /// [`Failure::Dns`] where the name means nothing and no proxy is set that may know better; [`Failure::Timeout`].
    pub async fn way(&self, url: &url::Url) -> Result<Way, Failure> {
        let named = url.host_str().unwrap_or_default().to_owned();
        let unknown = || Failure::Dns(named.clone());
        let port = url.port_or_known_default().ok_or_else(unknown)?;
        let uri: http::Uri = url.as_str().parse().map_err(|_| unknown())?;
        let proxied = self.0.proxy_for(&uri).is_some();
        let addresses = match url.host().ok_or_else(unknown)? {
            url::Host::Ipv4(address) => vec![SocketAddr::from((address, port))],
            url::Host::Ipv6(address) => vec![SocketAddr::from((address, port))],
            url::Host::Domain(name) if is_loopback(name) => {
                vec![(Ipv4Addr::LOCALHOST, port).into(), (Ipv6Addr::LOCALHOST, port).into()]
            }
            url::Host::Domain(name) => {
                let looking = tokio::net::lookup_host((name, port));
                let found = tokio::time::timeout(self.settings().connect_timeout, looking).await;
                match found {
                    Ok(Ok(found)) => found.collect(),
                    Ok(Err(_)) if proxied => Vec::new(),
                    Err(_) if !proxied => return Err(Failure::Timeout),
                    _ => Vec::new(),
                }
            }
        };
        if proxied {
            return Ok(Way::Proxy(addresses));
        }
        if addresses.is_empty() { Err(unknown()) } else { Ok(Way::Direct(addresses)) }
    }

    /// Asks for `url` by a way that [`Http::way`] found, and waits for the head of the answer. What is sent says who asks (`agent`) and
    /// that a picture is wanted, and nothing else.
    ///
    /// # Errors
    /// Every [`Failure`].
    pub async fn visit(&self, url: &url::Url, way: &Way, agent: &str) -> Result<Visit, Failure> {
        let client = self.guest(url, way).await?;
        let stall = self.settings().stall_timeout;
        let asking = client.get(url.clone()).header("accept", "image/*,*/*;q=0.5").header("user-agent", agent).send();
        let answer = tokio::time::timeout(stall, asking).await.map_err(|_| Failure::Timeout)?;
        answer.map(|answer| Visit { answer, stall }).map_err(|error| failed(url, way, &error))
    }

    async fn guest(&self, url: &url::Url, way: &Way) -> Result<reqwest::Client, Failure> {
        match way {
            // The proxy and its certificates are those of every other request.
            Way::Proxy(_) => self.reqwest(url).await,
            Way::Direct(addresses) => {
                let config = if url.scheme() == "http" { tls::nobody_trusted() } else { (*self.0.tls().await?).clone() };
                let found = Found(addresses.clone());
                let client = self.reqwest_with(config).no_proxy().dns_resolver(Arc::new(found)).build();
                client.map_err(|error| Failure::Tls(error.to_string()))
            }
        }
    }
}

/// What kept a request from its answer; the client has no type of ours in its errors.
fn failed(url: &url::Url, way: &Way, error: &reqwest::Error) -> Failure {
    if let Some(failure) = Failure::find(error) {
        return failure.clone();
    }
    if error.is_timeout() {
        return Failure::Timeout;
    }
    let mut cause: &(dyn std::error::Error + 'static) = error;
    loop {
        // An `io::Error` made from another error hides it from `source()` of its own.
        let inner = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        let tls = cause.downcast_ref().or_else(|| inner.and_then(|inner| inner.downcast_ref::<rustls::Error>()));
        match tls {
            Some(rustls::Error::InvalidMessage(_)) => return Failure::NotTls,
            Some(error) => return Failure::Tls(error.to_string()),
            None => {}
        }
        let Some(source) = cause.source() else { break };
        cause = source;
    }
    let host = url.host_str().unwrap_or_default();
    match way {
        Way::Proxy(_) if error.is_connect() => Failure::Proxy(host.to_owned()),
        _ if error.is_connect() => Failure::Connect(host.to_owned(), cause.to_string()),
        _ => Failure::of(error),
    }
}

/// Whether an address is one of the open internet: neither of this computer nor of a network around it, and none that is set aside
/// (IANA IPv4 and IPv6 Special-Purpose Address Registries). IPv4 inside IPv6 is judged as what it leads to.
#[must_use]
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// The addresses this computer has itself. What has one of them, or lies in the same network, is near, though the address may be one of
/// the open internet: with IPv6 every printer has such a one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Own(Vec<IpAddr>);

impl Own {
    /// As the system tells them at this moment.
    ///
    /// # Errors
    /// Where it tells nothing.
    pub async fn now() -> std::io::Result<Self> {
        let ask = || if_addrs::get_if_addrs().map(|all| Self(all.iter().map(if_addrs::Interface::ip).collect()));
        tokio::task::spawn_blocking(ask).await.unwrap_or_else(|stopped| Err(std::io::Error::other(stopped)))
    }

    /// Whether an address is of this computer or of a network around it: not [`is_public`], or in one of its own networks. Those of IPv6
    /// have 64 bits (RFC 4291, 2.5.4); of IPv4, where neighbours are strangers, only this computer's own addresses count.
    #[must_use]
    pub fn is_near(&self, address: IpAddr) -> bool {
        let network = |address: Ipv6Addr| address.segments()[..4].to_vec();
        let same = |own: &IpAddr| match (own.to_canonical(), address.to_canonical()) {
            (IpAddr::V6(own), IpAddr::V6(other)) => network(own) == network(other),
            (own, other) => own == other,
        };
        !is_public(address) || self.0.iter().any(same)
    }
}

/// Whether a name is one that only a network of its own gives a meaning: a single word, or under a domain that is set aside for that
/// (RFC 6761, 6762 with appendix G, 8375; ICANN's `internal`). Asked where nobody here can look it up, but a proxy may.
#[must_use]
pub fn is_local_name(host: &str) -> bool {
    const SET_ASIDE: [&str; 9] = ["local", "localhost", "internal", "intranet", "private", "corp", "home", "lan", "localdomain"];
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    host.rsplit_once('.').is_none_or(|(_, last)| SET_ASIDE.contains(&last)) || host.ends_with(".home.arpa")
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || a == 0
        // Shared by a provider's customers (RFC 6598); clouds put their metadata there too.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        // Many at once, and what was never given out, broadcast included.
        || a >= 224)
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inside) = address.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let ipv4 = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(one, two, three, four)
    };
    // Translated (RFC 6052) and tunnelled (RFC 3056): on the other end stands an IPv4 address.
    if [a, b, c, d, e, f] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(ipv4(g, h));
    }
    if a == 0x2002 {
        return is_public_v4(ipv4(b, c));
    }
    // Only this block is given out; what is set aside within it: protocols (Teredo, ORCHID…) and documentation, twice.
    (0x2000..0x4000).contains(&a) && !(a == 0x2001 && b < 0x0200) && !(a == 0x2001 && b == 0x0db8) && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::{Proxy, Settings};

    fn public(address: &str) -> bool {
        is_public(address.parse().unwrap_or_else(|_| panic!("{address} is an address")))
    }

    #[test]
    fn what_leads_into_this_computer_or_its_networks_is_not_the_open_internet() {
        for address in [
            "127.0.0.1",
            "127.9.9.9",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "100.100.100.200",
            "192.0.0.192",
            "192.0.2.1",
            "198.18.0.1",
            "203.0.113.9",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd00:ec2::254",
            "ff02::1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::1",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "100::1",
            "5f00::1",
        ] {
            assert!(!public(address), "{address}");
        }
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "172.15.0.1",
            "172.32.0.1",
            "100.63.0.1",
            "100.128.0.1",
            "198.20.0.1",
            "223.255.255.255",
            "::ffff:8.8.8.8",
            "2606:4700::1111",
            "2001:4860:4860::8888",
            "64:ff9b::808:808",
            "2002:808:808::1",
            "2a00:1450::1",
        ] {
            assert!(public(address), "{address}");
        }
    }

    #[tokio::test]
    async fn what_has_a_public_address_in_ones_own_network_is_near_all_the_same() {
        let own = Own(["2a02:8108:1:2::10", "198.51.101.7", "fe80::1"].map(|own| own.parse().expect("an address")).to_vec());
        let near = |address: &str| own.is_near(address.parse().expect("an address"));
        for address in ["2a02:8108:1:2::10", "2a02:8108:1:2:aaaa::1", "198.51.101.7", "::ffff:198.51.101.7", "10.0.0.1", "::1"] {
            assert!(near(address), "{address}");
        }
        for address in ["2a02:8108:1:3::10", "2606:4700::1111", "198.51.101.8", "1.1.1.1"] {
            assert!(!near(address), "{address}");
        }
        assert!(!Own::default().is_near("2a02:8108:1:2::10".parse().expect("an address")));
        assert!(Own::now().await.expect("the system tells").0.iter().any(IpAddr::is_loopback), "the system tells nothing");
    }

    #[test]
    fn a_name_of_a_network_of_its_own_is_known_by_itself() {
        for name in ["wiki", "wiki.", "NAS.local", "git.corp", "db.internal", "printer.home.arpa", "a.b.lan"] {
            assert!(is_local_name(name), "{name}");
        }
        for name in ["example.com", "local.example", "home.arpa.example", "corp.example."] {
            assert!(!is_local_name(name), "{name}");
        }
    }

    #[tokio::test]
    async fn an_address_is_what_it_means_however_it_is_spelt() {
        let http = Http::new(Settings { proxy: Proxy::None, ..Settings::default() }).expect("a setting");
        for spelt in ["http://127.0.0.1/a", "http://2130706433/a", "http://0x7f.1/a", "http://0177.0.0.1/a", "http://127.1/a"] {
            let url = url::Url::parse(spelt).expect("an address");
            assert_eq!(http.way(&url).await.expect("a way"), Way::Direct(vec!["127.0.0.1:80".parse().unwrap()]), "{spelt}");
        }
        for spelt in ["http://[::ffff:127.0.0.1]/a", "http://[::ffff:7f00:1]/a", "https://LOCALHOST/", "http://a.localhost./"] {
            let way = http.way(&url::Url::parse(spelt).expect("an address")).await.expect("a way");
            assert!(way.addresses().iter().all(|address| !is_public(address.ip())), "{spelt}");
        }
    }

    #[tokio::test]
    async fn the_connection_goes_to_the_address_that_was_looked_at_and_not_to_what_the_name_means_later() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        let served = tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a visitor");
            let mut asked = vec![0; 4096];
            let read = stream.read(&mut asked).await.expect("a request");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi").await.expect("it listens");
            String::from_utf8_lossy(&asked[..read]).into_owned()
        });
        let http = Http::new(Settings { proxy: Proxy::None, ..Settings::default() }).expect("a setting");
        // The name means nothing at all: only the address that was found can have been asked.
        let url = url::Url::parse(&format!("http://rebound.invalid:{}/a%2Fb.png?q=1", at.port())).expect("an address");
        // The address's own port holds whatever was found; it is the host that is another one.
        let nobody = Way::Direct(vec![(Ipv4Addr::new(127, 0, 0, 2), at.port()).into()]);
        let failure = http.visit(&url, &nobody, "imagepic-test").await.expect_err("nobody is there");
        assert!(matches!(&failure, Failure::Connect(host, _) if host == "rebound.invalid"), "{failure:?}");
        let mut visit = http.visit(&url, &Way::Direct(vec![at]), "imagepic-test").await.expect("an answer");
        assert_eq!((visit.status(), visit.length()), (200, Some(2)));
        assert_eq!(visit.chunk().await.expect("bytes").expect("some"), "hi");
        let asked = served.await.expect("served").to_lowercase();
        assert!(asked.starts_with("get /a%2fb.png?q=1 ") && asked.contains("host: rebound.invalid:"), "{asked}");
        assert!(!asked.contains("cookie") && !asked.contains("authorization") && !asked.contains("referer"), "{asked}");
    }

    #[tokio::test]
    async fn an_address_that_is_left_out_is_not_connected_to() {
        let wanted = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = wanted.local_addr().expect("an address");
        let other = std::net::TcpListener::bind((Ipv4Addr::new(127, 0, 0, 2), at.port())).expect("the same port");
        other.set_nonblocking(true).expect("a listener");
        let served = tokio::spawn(async move {
            let (mut stream, _) = wanted.accept().await.expect("a visitor");
            let _ = stream.read(&mut [0; 4096]).await.expect("a request");
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.expect("it listens");
        });
        let http = Http::new(Settings { proxy: Proxy::None, ..Settings::default() }).expect("a setting");
        let url = url::Url::parse(&format!("http://several.invalid:{}/", at.port())).expect("an address");
        let mut way = Way::Direct(vec![other.local_addr().expect("an address"), at]);
        way.keep(|ip| ip == Ipv4Addr::LOCALHOST);
        assert_eq!(http.visit(&url, &way, "imagepic-test").await.expect("an answer").status(), 200);
        served.await.expect("served");
        assert!(other.accept().is_err(), "nobody said yes to it");
    }
}

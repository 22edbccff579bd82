package engine_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"

	"github.com/weirws/weir/engine"
)

// greeter is a Server that tells each client which path it has asked for.
func greeter() *engine.Server {
	srv, err := engine.New(engine.Handler{
		Upgrade: func(r *engine.Request) (any, error) { return r.HTTP.URL.Path, nil },
		Open:    func(c *engine.Conn) { c.SendText("this is " + c.Value().(string)) },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	return srv
}

// printer is a Client that prints one message.
func printer() (client *engine.Client, printed <-chan struct{}) {
	done := make(chan struct{})
	client, err := engine.NewClient(engine.Handler{
		Message: func(_ *engine.Conn, m engine.Message) { fmt.Println(m); close(done) },
	}, nil)
	if err != nil {
		log.Fatal(err)
	}
	return client, done
}

// What a client may say of itself.
func ExampleClient_Dial() {
	srv := greeter()
	defer srv.Close()
	hs := httptest.NewServer(srv)
	defer hs.Close()
	client, printed := printer()
	defer client.Close()

	c, err := client.Dial(context.Background(), "ws://ann:secret@"+hs.Listener.Addr().String()+"/door", &engine.DialOptions{
		Header: map[string][]string{"User-Agent": {"example/1.0"}},
		Origin: "http://" + hs.Listener.Addr().String(),
		Value:  "Ann",
	})
	if err != nil {
		log.Fatal(err)
	}
	<-printed
	fmt.Println(c.Value(), c.State())
	// Output:
	// this is /door
	// Ann open
}

// A server whose certificate is not of one of the system's authorities.
func ExampleClient_Dial_tls() {
	srv := greeter()
	defer srv.Close()
	https := httptest.NewTLSServer(srv)
	defer https.Close()
	client, printed := printer()
	defer client.Close()

	trusted := x509.NewCertPool()
	trusted.AddCert(https.Certificate())
	_, err := client.Dial(context.Background(), "wss://"+https.Listener.Addr().String()+"/vault", &engine.DialOptions{
		TLS: &tls.Config{RootCAs: trusted},
	})
	if err != nil {
		log.Fatal(err)
	}
	<-printed
	// Output: this is /vault
}

// Redirects are followed only when that is asked for.
func ExampleClient_Dial_redirect() {
	srv := greeter()
	defer srv.Close()
	mux := http.NewServeMux()
	mux.Handle("/new", srv)
	mux.Handle("/old", http.RedirectHandler("/new", http.StatusPermanentRedirect))
	hs := httptest.NewServer(mux)
	defer hs.Close()
	client, printed := printer()
	defer client.Close()

	_, err := client.Dial(context.Background(), hs.URL+"/old", &engine.DialOptions{
		MaxRedirects: 3,
		Redirect: func(to *url.URL, _ http.Header) error {
			fmt.Println("on to", to.Path)
			return nil
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	<-printed
	// Output:
	// on to /new
	// this is /new
}

// The proxy that a user has set up for all programs: http.ProxyFromEnvironment reads HTTP_PROXY, HTTPS_PROXY and
// NO_PROXY. Here it is one of our own.
func ExampleClient_Dial_proxy() {
	srv := greeter()
	defer srv.Close()
	hs := httptest.NewServer(srv)
	defer hs.Close()
	proxy := httptest.NewServer(http.HandlerFunc(tunnel))
	defer proxy.Close()
	client, printed := printer()
	defer client.Close()

	through, err := url.Parse(proxy.URL) // or socks5://user:password@host
	if err != nil {
		log.Fatal(err)
	}
	_, err = client.Dial(context.Background(), hs.URL+"/far", &engine.DialOptions{
		Proxy: http.ProxyURL(through), // a program: http.ProxyFromEnvironment
	})
	if err != nil {
		log.Fatal(err)
	}
	<-printed
	// Output: this is /far
}

// tunnel is a proxy that does what CONNECT asks for.
func tunnel(w http.ResponseWriter, r *http.Request) {
	to, err := net.Dial("tcp", r.Host)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	from, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		to.Close()
		return
	}
	fmt.Fprint(from, "HTTP/1.1 200 OK\r\n\r\n")
	carry := func(w io.Writer, r io.Reader) {
		io.Copy(struct{ io.Writer }{w}, r) // hides what io.Copy would open a pipe for
		to.Close()
		from.Close()
	}
	go carry(to, from) // ends when either side does
	carry(from, to)
}

"""CreateSession of Roles Anywhere, signed by other hands than ours: Python's cryptography, after AWS's user guide.

Arguments: address, host, region, certificate file, key file, query, body. Writes the status and the answer's body.
"""
import base64, datetime, hashlib, http.client, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

address, host, region, certificate_file, key_file, query, body = sys.argv[1:8]
certificate, *chain = x509.load_pem_x509_certificates(open(certificate_file, "rb").read())
key = serialization.load_pem_private_key(open(key_file, "rb").read(), None)
der = lambda one: base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode()
now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
headers = {"content-type": "application/json", "host": host, "x-amz-date": now, "x-amz-x509": der(certificate)}
if chain:
    headers["x-amz-x509-chain"] = ",".join(map(der, chain))
names = ";".join(sorted(headers))
lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
canonical = f"POST\n/sessions\n{query}\n{lines}\n{names}\n{hashlib.sha256(body.encode()).hexdigest()}"
algorithm = "AWS4-X509-RSA-SHA256" if isinstance(key, rsa.RSAPrivateKey) else "AWS4-X509-ECDSA-SHA256"
scope = f"{now[:8]}/{region}/rolesanywhere/aws4_request"
text = f"{algorithm}\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}".encode()
if isinstance(key, rsa.RSAPrivateKey):
    signature = key.sign(text, padding.PKCS1v15(), hashes.SHA256())
else:
    signature = key.sign(text, ec.ECDSA(hashes.SHA256()))
credential = f"{certificate.serial_number}/{scope}"
headers["authorization"] = f"{algorithm} Credential={credential}, SignedHeaders={names}, Signature={signature.hex()}"
connection = http.client.HTTPConnection(address)
connection.request("POST", f"/sessions?{query}" if query else "/sessions", body, headers)
answer = connection.getresponse()
print(answer.status, answer.getheader("x-amzn-errortype") or "-", answer.read().decode())
